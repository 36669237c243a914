-- `chat_append` for questions that are traced: their jobs say so in the same transaction, so that whoever claims one goes on
-- with its trace. Others go on to call `chat_append` and pay nothing.
CREATE FUNCTION chat_append_traced(
  p_room uuid[], p_author uuid[], p_cid text[], p_hash bytea[], p_id uuid[], p_answer uuid[], p_text text[],
  p_reply uuid[], p_ask boolean[], p_mention boolean[], p_trace text[])
RETURNS TABLE(ord bigint, code text, id uuid, seq bigint, answer uuid, duplicate boolean, created timestamptz,
  assistant text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY SELECT * FROM chat_append(p_room, p_author, p_cid, p_hash, p_id, p_answer, p_text, p_reply, p_ask, p_mention);
  UPDATE rooms_job j SET trace = t.trace FROM unnest(p_answer, p_trace) t(message, trace)
   WHERE j.message = t.message AND t.trace IS NOT NULL;
END $$;
