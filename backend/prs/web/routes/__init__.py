"""The calls of the API, by resource; each module has `add(api, context)`."""
