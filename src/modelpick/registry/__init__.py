"""What models are there, and who says so?"""
