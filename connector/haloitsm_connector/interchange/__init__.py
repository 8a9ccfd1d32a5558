"""Other people's files: Postman collections written and read, browser recordings and curl commands read."""
