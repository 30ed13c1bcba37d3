"""Which open model should I run on this machine, and may I use it at work?"""

__version__ = "0.1.0"
