"""The light table: a page in the browser on which a person looks through the pictures of a workspace and decides."""
