"""Worker processes: started, talked to, watched and ended. Gets launch plans, knows no RPC and no registry."""
