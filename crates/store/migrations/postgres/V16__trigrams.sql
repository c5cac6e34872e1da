-- SQLite's index alone is made anew by this version.
SELECT 1;
