"""Past events in the API's form: their shapes, how they are made, and how they are counted."""
