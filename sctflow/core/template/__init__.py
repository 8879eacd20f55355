"""Subject and template: two cords in their own frames, and the map between them."""
