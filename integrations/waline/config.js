// Lets Waline ask Hamgate before it stores a comment, and tell it what you decide. See README.md beside this file.
'use strict'

const HAMGATE_URL = process.env.HAMGATE_URL || 'http://127.0.0.1:8080'
const PATIENCE_MS = 3000

// What Waline does with each answer; without one, a comment waits.
const STATUS = { review: 'waiting', spam: 'spam' }

async function ask ({ comment, nick, link, mail, url }) {
  const headers = { 'Content-Type': 'application/json' }
  if (process.env.HAMGATE_KEY) headers.Authorization = `Bearer ${process.env.HAMGATE_KEY}`
  const written = { content: comment, author: nick, author_url: link || undefined }
  const fields = { ...written, author_email: mail || undefined, post_url: url }
  const request = { method: 'POST', headers, body: JSON.stringify(fields), signal: AbortSignal.timeout(PATIENCE_MS) }
  const answer = await fetch(`${HAMGATE_URL}/v1/check`, request)
  if (!answer.ok) throw new Error(`status ${answer.status}`)
  return answer.json()
}

// What Hamgate is told when you give a comment another status.
const REPORT = { approved: 'submit-ham', spam: 'submit-spam' }

async function report (endpoint, { comment, nick, link, ip }) {
  const written = { comment_author: nick, comment_author_url: link, comment_content: comment }
  const fields = { api_key: process.env.HAMGATE_KEY, blog: process.env.SITE_URL, user_ip: ip, ...written }
  const body = new URLSearchParams(Object.entries(fields).filter(([, value]) => value))
  const request = { method: 'POST', body, signal: AbortSignal.timeout(PATIENCE_MS) }
  const answer = await fetch(`${HAMGATE_URL}/1.1/${endpoint}`, request)
  const text = await answer.text()
  if (!text.startsWith('Thanks')) throw new Error(`status ${answer.status}`)
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
  },

  async postUpdate ({ status }) {
    if (!REPORT[status]) return
    try {
      const [comment] = await this.modelInstance.select({ objectId: this.id })
      await report(REPORT[status], comment)
    } catch (error) {
      console.error(`Hamgate was not told: ${error.message}`)
    }
  }
}
