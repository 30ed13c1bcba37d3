"""How do I get it, whole?"""
