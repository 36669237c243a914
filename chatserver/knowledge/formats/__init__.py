"""The formats that documents come in, a module each: bytes to blocks. Nothing here knows of Django or of a document's
record; the door is `chatserver.knowledge.parse`."""
