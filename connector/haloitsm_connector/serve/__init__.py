"""``haloitsm serve``: what runs by itself - schedules, webhooks, retries, retention - until it is told to stop."""
