"""How do I make it smaller?"""
