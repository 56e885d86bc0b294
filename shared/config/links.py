"""How long a link of a message may be, in characters. A longer one is left out."""

LONGEST_LINK = 2_000  # keeps three of them far below what a card in Teams holds
LONGEST_SLACK_LINK = 3_000  # Slack, "Block Kit: button element", url
