"""What several commands have in common: arguments and the types that read them."""
