"""The pages and schemas that are made from the fixtures and the code."""
