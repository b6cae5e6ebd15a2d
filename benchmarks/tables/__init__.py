"""How well models of tables do what tables are modelled for, side by side."""
