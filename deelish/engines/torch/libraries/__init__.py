"""The libraries whose models are made by name, one file for each."""
