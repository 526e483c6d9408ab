"""The shapes of HTTP requests and responses, and their translation from and to our own words.

The API keeps older names (an *allocation* with a `lock_id` is our lease); nothing else may. The
OpenAPI document is derived from these shapes. One module per subject.
"""
