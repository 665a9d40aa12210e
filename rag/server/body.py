"""What the JSON bodies of requests have in common."""

import json
from typing import Any

from pydantic import BaseModel, model_validator


class Body(BaseModel):
    """Refuses what JSON can write and UTF-8 cannot: half a surrogate pair, which nothing behind could store or send."""

    @model_validator(mode="before")
    @classmethod
    def _is_text(cls, data: Any) -> Any:
        try:
            json.dumps(data, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("holds half a surrogate pair, which is no text") from None
        except RecursionError:
            raise ValueError("is nested too deeply") from None
        except TypeError:
            pass  # a body that is no JSON comes as bytes, and is refused as that
        return data
