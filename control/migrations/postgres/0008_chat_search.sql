-- Which messages hold which words. The column is made of the text by the database itself, so that whatever changes or deletes a message
-- changes it in the same transaction. The configuration `simple` knows no language: words are as they are, but for their case. ASCII
-- punctuation is taken out first: else addresses and paths would be one word.
ALTER TABLE messages ADD COLUMN words TSVECTOR GENERATED ALWAYS AS (
    to_tsvector('simple'::regconfig, translate(text, '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', '                                '))
) STORED;
CREATE INDEX messages_words ON messages USING GIN (words);
