"""What proof a payment needs: the ladder and its presets as data, and the functions over them."""
