"""The terminal view: `styxy top`. Only `app`, `rows` and `dialogs` import Textual, an extra."""
