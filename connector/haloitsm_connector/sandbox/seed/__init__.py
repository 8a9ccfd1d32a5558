"""Made-up, related data for the tables that people work with: the same seed gives the same data."""
