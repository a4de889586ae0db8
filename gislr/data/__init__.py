"""From raw clips to the prepared store, and how its signers are split."""
