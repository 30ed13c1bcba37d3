"""How is the answer shown?"""
