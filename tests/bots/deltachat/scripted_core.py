"""A program that speaks as a Delta Chat core does, with one account and no network.

For moments that a real core does not stop at. Beside the core's calls there are some of its own:
`hold METHOD` and `release` (answers to that method wait, and `late`: so does what it does),
`refuse METHOD TIMES`, `how_often METHOD`, `die_at METHOD`, `given MESSAGE`.
"""

import json
import os
import sys
from pathlib import Path

FINGERPRINT = "A" * 40
PERSON = "B" * 40
PENDING, DELIVERED, DRAFT = 20, 26, 19


class ScriptedCore:
    """`folder` holds what outlives it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "scripted.json"
        kept = json.loads(self.file.read_text()) if self.file.exists() else {}
        self.config = kept.get("config", {"ui.invite": FINGERPRINT})
        self.messages = {int(key): value for key, value in kept.get("messages", {}).items()}
        self.dies_at = kept.get("dies_at")
        self.held: list[dict] = []
        self.holds, self.is_late = "", False
        self.refuses: dict[str, int] = {}
        self.asked: list[str] = []

    def keep(self) -> None:
        state = {"config": self.config, "messages": self.messages, "dies_at": self.dies_at}
        self.file.write_text(json.dumps(state))

    # --- of its own -----------------------------------------------------------------------

    def hold(self, method, is_late):
        self.holds, self.is_late = method, is_late

    def release(self):
        self.holds = ""
        for request in self.held:
            self.answer(request, self.do(request) if self.is_late else None)
        self.held.clear()

    def refuse(self, method, times):
        self.refuses[method] = times

    def how_often(self, method):
        return self.asked.count(method)

    def die_at(self, method):
        self.dies_at = method

    def given(self, message):
        self.messages[message["id"]] = message

    # --- a core's -------------------------------------------------------------------------

    def get_all_account_ids(self):
        return [1]

    def is_configured(self, _):
        return True

    def get_connectivity(self, _):
        return 4000

    def get_config(self, _, key):
        return self.config.get(key)

    def set_config(self, _, key, value):
        self.config.pop(key, None)
        if value is not None:
            self.config[key] = value

    def get_all_ui_config_keys(self, _):
        return [key for key in self.config if key.startswith("ui.")]

    def batch_get_config(self, _, keys):
        return {key: self.config.get(key) for key in keys}

    def get_existing_msg_ids(self, _, numbers):
        return [number for number in numbers if number in self.messages]

    def get_message(self, _, number):
        return self.messages[number]

    def get_message_info_object(self, _, number):
        return {"rfc724Mid": f"name-{number}"}

    def delete_messages(self, _, numbers):
        for number in numbers:
            self.messages.pop(number, None)

    def get_contact_ids(self, *_):
        return [10]

    def get_contact_encryption_info(self, *_):
        return " ".join([PERSON[:4]] * 10)

    def get_contact(self, *_):
        person = {"id": 10, "address": "kim@hotline.test", "lastSeen": 0}
        return person | {"e2eeAvail": True, "isKeyContact": True}

    def get_contacts(self, *_):
        return []

    def get_next_msgs(self, _):
        return []

    def create_chat_by_contact_id(self, *_):
        return 11

    def misc_set_draft(self, _account, _chat, _text, file, *_):
        number = max(self.messages, default=100) + 1
        self.messages[number] = own_message(number, DRAFT, file)

    def get_draft(self, *_):
        return next(one for one in self.messages.values() if one["state"] == DRAFT)

    def misc_send_draft(self, *_):
        self.get_draft()["state"] = DELIVERED

    def do(self, request):
        return getattr(self, request["method"], lambda *_: None)(*request["params"])

    def answer(self, request, result):
        sys.stdout.write(json.dumps({"id": request["id"], "result": result}) + "\n")
        sys.stdout.flush()

    def serve(self) -> None:
        for line in sys.stdin:
            request = json.loads(line)
            method = request["method"]
            self.asked.append(method)
            if method == self.dies_at:
                self.dies_at = None
                self.keep()
                os._exit(1)
            if method == "get_next_event_batch":
                continue  # nothing ever happens
            if self.refuses.get(method, 0):
                self.refuses[method] -= 1
                error = {"id": request["id"], "error": {"message": "no"}}
                sys.stdout.write(json.dumps(error) + "\n")
                sys.stdout.flush()
            elif method == self.holds:
                if not self.is_late:
                    self.do(request)
                self.held.append(request)
            else:
                self.answer(request, self.do(request))
        self.keep()


def own_message(number: int, state: int, file: str | None = None) -> dict:
    return {
        "id": number,
        "chatId": 11,
        "fromId": 1,
        "text": "here",
        "timestamp": 0,
        "state": state,
        "viewType": "Text" if file is None else "File",
        "isInfo": False,
        "showPadlock": True,
        "downloadState": "Done",
        "file": file,
    }


if __name__ == "__main__":
    ScriptedCore(Path(os.environ["DC_ACCOUNTS_PATH"])).serve()
