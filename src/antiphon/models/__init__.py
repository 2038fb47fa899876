"""Who speaks: the models behind the `Model` port."""
