"""What is this machine, or that one?"""
