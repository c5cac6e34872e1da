-- How many records of usage began a sum's day, so that a device can be told that it has brought enough of
-- them; 0 of those that were counted before this was.
ALTER TABLE usage_days ADD COLUMN records bigint NOT NULL DEFAULT 0;
