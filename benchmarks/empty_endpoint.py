"""The least that FastAPI does for a request: what the server's answers are measured against."""

from fastapi import FastAPI

app = FastAPI()


@app.post("/")
async def empty() -> dict[str, str]:
    """Answer nothing."""
    return {}
