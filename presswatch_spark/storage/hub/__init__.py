"""Datasets on a hub (`hf://`): their addresses, the token, lists of files, and the files themselves."""
