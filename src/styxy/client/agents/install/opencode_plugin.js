// Styxy's plugin for opencode, written by: styxy agent install opencode
// It asks styxy-hook what to do and does nothing where that is away, slow or wrong. To remove it:
// styxy agent uninstall opencode
import { spawn } from "node:child_process"

const HOOK = "@HOOK@"
const PATIENCE = { "session.created": 1500 } // milliseconds; the program gives up after 1000
const USUAL_PATIENCE = 500
const LONGEST_OUTPUT = 65536 // characters of a command's output: its end says what failed

function ask(event, question) {
  return new Promise((resolve) => {
    let answer = ""
    let program
    const finish = () => {
      clearTimeout(timer)
      try {
        const data = JSON.parse(answer)
        resolve(data !== null && typeof data === "object" ? data : {})
      } catch {
        resolve({}) // nothing to say
      }
    }
    const timer = setTimeout(() => {
      answer = ""
      try {
        program?.kill("SIGKILL")
      } catch {}
      finish()
    }, PATIENCE[event] ?? USUAL_PATIENCE)
    try {
      program = spawn(HOOK, ["opencode", event], { stdio: ["pipe", "pipe", "ignore"] })
      program.on("error", finish)
      program.on("close", finish)
      program.stdin.on("error", () => {}) // it may end without reading
      program.stdout.on("error", () => {})
      program.stdout.setEncoding("utf8")
      program.stdout.on("data", (text) => {
        answer += text
      })
      program.stdin.end(JSON.stringify({ ...question, pid: process.pid }))
    } catch {
      finish()
    }
  })
}

const isText = (value) => typeof value === "string" && value !== ""

export const Styxy = async ({ directory }) => {
  const started = new Map() // the answer to each session's start, or the promise of one
  const call = (input) => ({
    session_id: input.sessionID,
    directory,
    tool: input.tool,
    call_id: input.callID,
  })
  return {
    event: async ({ event }) => {
      if (event?.type !== "session.created") return
      const id = event.properties?.sessionID ?? event.properties?.info?.id
      const where = event.properties?.info?.directory ?? directory
      started.set(id, ask(event.type, { session_id: id, directory: where }))
      await started.get(id)
    },
    "tool.execute.before": async (input, output) => {
      if (input.tool !== "bash") return
      const answer = await ask("tool.execute.before", { ...call(input), args: output.args })
      if (isText(answer.deny)) throw new Error(answer.deny)
      if (isText(answer.command)) output.args.command = answer.command
    },
    "tool.execute.after": async (input, output) => {
      if (input.tool !== "bash") return
      const answer = await ask("tool.execute.after", {
        ...call(input),
        args: input.args ?? {},
        output: String(output.output ?? "").slice(-LONGEST_OUTPUT),
        exit: output.metadata?.exit,
        title: output.title,
      })
      if (isText(answer.context)) output.output = `${output.output ?? ""}\n${answer.context}`
    },
    "shell.env": async (input, output) => {
      const answer = await ask("shell.env", { ...call(input), directory: input.cwd ?? directory })
      for (const [name, value] of Object.entries(answer.env ?? {})) {
        if (typeof value === "string") output.env[name] = value
      }
    },
    "experimental.chat.system.transform": async (input, output) => {
      const [first, answer] = await Promise.all([
        started.get(input.sessionID) ?? {},
        ask("experimental.chat.system.transform", call(input)),
      ])
      const context = isText(answer.context) ? answer.context : first.context
      if (isText(context)) output.system.push(context)
    },
  }
}
