"""The agent on a supervised computer, openly, under an order."""
