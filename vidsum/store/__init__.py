"""What is kept between runs: found once, paid for once."""
