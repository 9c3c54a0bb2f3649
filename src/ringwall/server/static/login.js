// The login page: a passkey, where the node takes them and the browser has them.
import { available, get } from "./passkeys.js";

const button = document.getElementById("passkey");

async function logIn() {
  const asked = await fetch("/api/v1/login/passkey");
  if (!asked.ok) throw new Error((await asked.json()).detail);
  const credential = await get(await asked.json());
  const answer = await fetch("/api/v1/login/passkey", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ credential }),
  });
  if (!answer.ok) throw new Error((await answer.json()).detail);
  location.assign("/");
}

button.hidden = button.dataset.offered !== "yes" || !available();
button.addEventListener("click", () => {
  document.getElementById("wrong").textContent = "";
  logIn().catch((error) => {
    const given = error.name === "NotAllowedError" ? "no passkey was given" : error.message;
    document.getElementById("wrong").textContent = given;
  });
});
