"""What may be done with this model?"""
