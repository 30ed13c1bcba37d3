"""What does it cost to run? Pure arithmetic."""
