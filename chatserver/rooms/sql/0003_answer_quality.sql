-- `chat_settle` also says how good the answer is. The function with seven parameters stays:
-- processes of the version before this one go on with it while an upgrade rolls.
CREATE FUNCTION chat_settle(
  p_message uuid, p_room uuid, p_attempt int, p_status text, p_text text, p_sources jsonb, p_usage jsonb,
  p_found boolean, p_unsupported smallint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE v bigint;
BEGIN
  v := chat_settle(p_message, p_room, p_attempt, p_status, p_text, p_sources, p_usage);
  IF v IS NOT NULL THEN
    UPDATE rooms_message SET found = p_found, unsupported = p_unsupported WHERE id = p_message;
  END IF;
  RETURN v;
END $$;
