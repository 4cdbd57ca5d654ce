// Lets Waline ask Hamgate before it stores a comment. See README.md beside this file.
'use strict'

const HAMGATE_URL = process.env.HAMGATE_URL || 'http://127.0.0.1:8080'
const PATIENCE_MS = 3000

// What Waline does with each answer; without one, a comment waits.
const STATUS = { review: 'waiting', spam: 'spam' }

async function ask ({ comment, nick, link, mail, url }) {
  const headers = { 'Content-Type': 'application/json' }
  if (process.env.HAMGATE_KEY) headers.Authorization = `Bearer ${process.env.HAMGATE_KEY}`
  const body = JSON.stringify({ content: comment, author: nick, author_url: link || undefined, author_email: mail || undefined, post_url: url })
  const answer = await fetch(`${HAMGATE_URL}/v1/check`, { method: 'POST', headers, body, signal: AbortSignal.timeout(PATIENCE_MS) })
  if (!answer.ok) throw new Error(`status ${answer.status}`)
  return answer.json()
}

module.exports = {
  async preSave (comment) {
    // An administrator's comment, and one that waits already because all do.
    if (this.ctx.state.userInfo?.type === 'administrator' || comment.status !== 'approved') return
    try {
      const { verdict, queue } = await ask(comment)
      if (verdict !== 'approve') comment.status = STATUS[queue] || 'waiting'
    } catch (error) {
      console.error(`Hamgate did not answer, so the comment waits: ${error.message}`)
      comment.status = 'waiting'
    }
  }
}
