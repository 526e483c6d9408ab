"""What crosses HTTP: the shapes of requests and answers, and what translates our words.

The API keeps older names (an *allocation* with a `lock_id` is our lease); nothing else may. The
OpenAPI document is derived from these shapes. One module for each subject.
"""
