"""What a guest can ask for: each host call is checked against its plugin's grants, then answered by a provider."""
