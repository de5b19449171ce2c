"""HTTP: pages, JSON API, agents, live streams. Every route names its permission or says it is public."""
