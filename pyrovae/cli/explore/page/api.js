// Questions to the server; of several that wait for an answer of one kind only the newest is asked.
const fault = document.getElementById("fault");

export async function ask(path, body, type = "application/json") {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": type },
    body: type === "application/json" ? JSON.stringify(body) : body,
  };
  let answer;
  try {
    const response = await fetch(path, options);
    answer = await response.json();
    if (!response.ok) throw new Error(answer.error);
  } catch (error) {
    const gone = error instanceof TypeError;
    fault.textContent = gone ? "The server does not answer: start pyrovae explore again." : error.message;
    fault.hidden = false;
    throw error;
  }
  fault.hidden = true;
  return answer;
}

export function newest(question) {
  let busy = false, waiting = null;
  return async function (...given) {
    waiting = given;
    if (busy) return;
    busy = true;
    try {
      while (waiting) {
        const now = waiting;
        waiting = null;
        try { await question(...now); } catch { waiting = null; }
      }
    } finally { busy = false; }
  };
}
