"""Sweeps: grids of agents, environments, settings and seeds, run as cells and gathered in one store."""
