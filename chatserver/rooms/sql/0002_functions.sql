-- The writes of a room. Lock order everywhere: heads (by room), then messages, then jobs (by message).
--
-- Each function takes the heads' locks in a statement of its own: under READ COMMITTED a statement's snapshot is older than
-- the lock it waits for, so what it reads besides would be stale.

CREATE FUNCTION chat_append(
  p_room uuid[], p_author uuid[], p_cid text[], p_hash bytea[], p_id uuid[], p_answer uuid[], p_text text[],
  p_reply uuid[], p_ask boolean[], p_mention boolean[])
RETURNS TABLE(ord bigint, code text, id uuid, seq bigint, answer uuid, duplicate boolean, created timestamptz,
  assistant text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM 1 FROM rooms_head h WHERE h.room = ANY(p_room) ORDER BY h.room FOR NO KEY UPDATE;

  WITH given AS (
    SELECT * FROM unnest(p_room, p_author, p_cid, p_hash, p_id, p_answer, p_text, p_reply, p_ask, p_mention)
      WITH ORDINALITY u(room, author, cid, hash, id, answer, text, reply, ask, mention, ord)),
  fresh AS (
    SELECT DISTINCT ON (room, author, cid) * FROM given i
     WHERE NOT EXISTS (SELECT 1 FROM rooms_message m WHERE m.room_id = i.room AND m.author_id = i.author AND m.cid = i.cid)
       AND EXISTS (SELECT 1 FROM rooms_member b WHERE b.room_id = i.room AND b.user_id = i.author)
       AND (i.reply IS NULL OR EXISTS (SELECT 1 FROM rooms_message t WHERE t.id = i.reply AND t.room_id = i.room))
     ORDER BY room, author, cid, ord),
  asked AS (
    -- Policy and owner are read under the head's lock: a takeover is before this message or after it, never beside it.
    SELECT f.*, CASE WHEN h.owner IS NOT NULL THEN false
      WHEN r.policy = 'always' THEN f.ask IS DISTINCT FROM false
      WHEN r.policy = 'mention' THEN coalesce(f.ask, f.mention
        OR position('@' || lower(s.assistant_name) IN lower(f.text)) > 0
        OR EXISTS (SELECT 1 FROM rooms_message t JOIN sites_user w ON w.id = t.author_id
                    WHERE t.id = f.reply AND w.kind = 'assistant'))
      ELSE false END AS asks
      FROM fresh f JOIN rooms_head h ON h.room = f.room JOIN rooms_room r ON r.id = f.room
      JOIN sites_site s ON s.id = r.site_id),
  numbered AS (
    SELECT a.*, sum(1 + a.asks::int) OVER (PARTITION BY a.room ORDER BY a.ord) AS upto FROM asked a),
  raised AS (
    UPDATE rooms_head h SET rev = h.rev + t.k
      FROM (SELECT room, max(upto) k FROM numbered GROUP BY room) t
     WHERE h.room = t.room RETURNING h.room, h.rev - t.k AS base),
  questions AS (
    INSERT INTO rooms_message(id, room_id, seq, rev, author_id, cid, body_hash, answer, text, status, reply_to, attempt)
    SELECT n.id, n.room, b.base + n.upto - n.asks::int, b.base + n.upto - n.asks::int, n.author, n.cid, n.hash,
           CASE WHEN n.asks THEN n.answer END, n.text, 'complete', n.reply, 0
      FROM numbered n JOIN raised b USING (room)),
  answers AS (
    INSERT INTO rooms_message(id, room_id, seq, rev, author_id, question, text, status, attempt, reply_to)
    SELECT n.answer, n.room, b.base + n.upto, b.base + n.upto, '00000000-0000-7000-8000-000000000001', n.id, '',
           'pending', 1, n.id
      FROM numbered n JOIN raised b USING (room) WHERE n.asks)
  INSERT INTO rooms_job(message, room, state, attempt, beat, losses)
  SELECT n.answer, n.room, 'pending', 1, 0, 0 FROM numbered n WHERE n.asks;

  RETURN QUERY
  SELECT u.ord,
         CASE WHEN m.id IS NOT NULL THEN CASE WHEN m.body_hash = u.hash THEN 'ok' ELSE 'conflict' END
              WHEN EXISTS (SELECT 1 FROM rooms_member b WHERE b.room_id = u.room AND b.user_id = u.author) THEN 'reply_to'
              ELSE 'not_found' END,
         m.id, m.seq, m.answer, m.id IS DISTINCT FROM u.id, m.created, s.assistant_name::text
    FROM unnest(p_room, p_author, p_cid, p_hash, p_id) WITH ORDINALITY u(room, author, cid, hash, id, ord)
    LEFT JOIN rooms_message m ON m.room_id = u.room AND m.author_id = u.author AND m.cid = u.cid
    LEFT JOIN rooms_room r ON r.id = u.room LEFT JOIN sites_site s ON s.id = r.site_id
   ORDER BY u.ord;
END $$;

-- Ends an attempt. `p_attempt` NULL ends whichever is live (stop, delete, takeover). NULL: fenced, or over already.
CREATE FUNCTION chat_settle(
  p_message uuid, p_room uuid, p_attempt int, p_status text, p_text text, p_sources jsonb, p_usage jsonb)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE a int; v bigint;
BEGIN
  PERFORM 1 FROM rooms_head WHERE room = p_room FOR NO KEY UPDATE;
  UPDATE rooms_job SET state = 'done'
   WHERE message = p_message AND room = p_room
     AND (CASE WHEN p_attempt IS NULL THEN state IN ('pending', 'running') ELSE state = 'running' AND attempt = p_attempt END)
   RETURNING attempt INTO a;
  IF NOT FOUND THEN RETURN NULL; END IF;
  UPDATE rooms_head SET rev = rev + 1 WHERE room = p_room RETURNING rev INTO v;
  UPDATE rooms_message SET rev = v, attempt = a, status = p_status, text = p_text, sources = p_sources, usage = p_usage
   WHERE id = p_message;
  RETURN v;
END $$;

-- Makes an ended answer live again, if `p_attempt` is the one that ended. NULL: it is not, or a person owns the room.
CREATE FUNCTION chat_retry(p_message uuid, p_room uuid, p_attempt int)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE v bigint;
BEGIN
  PERFORM 1 FROM rooms_head WHERE room = p_room AND owner IS NULL FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN NULL; END IF;
  PERFORM 1 FROM rooms_message WHERE id = p_message AND status <> 'deleted';
  IF NOT FOUND THEN RETURN NULL; END IF;
  UPDATE rooms_job SET state = 'pending', worker = NULL, attempt = attempt + 1, beat = 0, losses = 0
   WHERE message = p_message AND room = p_room AND state = 'done' AND attempt = p_attempt;
  IF NOT FOUND THEN RETURN NULL; END IF;
  UPDATE rooms_head SET rev = rev + 1 WHERE room = p_room RETURNING rev INTO v;
  UPDATE rooms_message SET rev = v, attempt = p_attempt + 1, status = 'pending', text = '', sources = '[]', usage = NULL
   WHERE id = p_message;
  RETURN v;
END $$;

-- A person takes the room over: the assistant falls silent, and its live answers end, in one transaction.
-- Returns the owner that stands now, and the revs it made.
CREATE FUNCTION chat_take_over(p_room uuid, p_owner uuid)
RETURNS TABLE(owner uuid, revs bigint[]) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE o uuid; v bigint; made bigint[] := '{}'; j record;
BEGIN
  SELECT h.owner INTO o FROM rooms_head h WHERE h.room = p_room FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN; END IF;
  IF o IS NOT NULL THEN RETURN QUERY SELECT o, made; RETURN; END IF;
  UPDATE rooms_head h SET owner = p_owner, rev = h.rev + 1, meta_rev = h.rev + 1 WHERE h.room = p_room RETURNING h.rev INTO v;
  made := made || v;
  FOR j IN
    WITH live AS (SELECT message FROM rooms_job WHERE room = p_room AND state <> 'done' ORDER BY message FOR UPDATE)
    UPDATE rooms_job t SET state = 'done' FROM live WHERE t.message = live.message RETURNING t.message, t.attempt
  LOOP
    UPDATE rooms_head h SET rev = h.rev + 1 WHERE h.room = p_room RETURNING h.rev INTO v;
    UPDATE rooms_message SET rev = v, attempt = j.attempt, status = 'stopped' WHERE id = j.message;
    made := made || v;
  END LOOP;
  RETURN QUERY SELECT p_owner, made;
END $$;

-- Changes a message's text. Returns its new rev; 0 when it reads so already; NULL when it is live or deleted.
CREATE FUNCTION chat_edit(p_message uuid, p_room uuid, p_text text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE m rooms_message; v bigint;
BEGIN
  PERFORM 1 FROM rooms_head WHERE room = p_room FOR NO KEY UPDATE;
  SELECT * INTO m FROM rooms_message WHERE id = p_message AND room_id = p_room;
  IF NOT FOUND OR m.status IN ('pending', 'deleted') THEN RETURN NULL; END IF;
  IF m.text = p_text THEN RETURN 0; END IF;
  UPDATE rooms_head SET rev = rev + 1 WHERE room = p_room RETURNING rev INTO v;
  UPDATE rooms_message SET rev = v, text = p_text, edited = now() WHERE id = p_message;
  RETURN v;
END $$;

-- Leaves a tombstone; a live answer ends. Returns the new rev, 0 when it was deleted already.
CREATE FUNCTION chat_delete(p_message uuid, p_room uuid)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE m rooms_message; a int; v bigint;
BEGIN
  PERFORM 1 FROM rooms_head WHERE room = p_room FOR NO KEY UPDATE;
  SELECT * INTO m FROM rooms_message WHERE id = p_message AND room_id = p_room;
  IF NOT FOUND THEN RETURN NULL; END IF;
  IF m.status = 'deleted' THEN RETURN 0; END IF;
  UPDATE rooms_job SET state = 'done' WHERE message = p_message AND state <> 'done' RETURNING attempt INTO a;
  UPDATE rooms_head SET rev = rev + 1 WHERE room = p_room RETURNING rev INTO v;
  UPDATE rooms_message SET rev = v, status = 'deleted', text = '', sources = '[]', attempt = coalesce(a, attempt)
   WHERE id = p_message;
  RETURN v;
END $$;
