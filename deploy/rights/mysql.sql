-- The worker's account in MySQL or MariaDB: it may read the eight tables that the figures are made of, and nothing else.
-- It sees neither the accounts of librarians nor the settings of SLiMS. Put in your own password and, where it is not
-- slims, the name of the database; then, as root: mysql < mysql.sql
--
-- Better than '%' is the address of the worker's machine. Where the way there is not safe, add REQUIRE SSL to the first
-- statement, and set MYSQL_TLS=verify.

CREATE USER 'dashboard'@'%' IDENTIFIED BY 'change-the-password-of-dashboard';

GRANT SELECT ON slims.visitor_count TO 'dashboard'@'%';
GRANT SELECT ON slims.member TO 'dashboard'@'%';
GRANT SELECT ON slims.loan TO 'dashboard'@'%';
GRANT SELECT ON slims.item TO 'dashboard'@'%';
GRANT SELECT ON slims.biblio TO 'dashboard'@'%';
-- The names of member types; without them, types are named by their ids.
GRANT SELECT ON slims.mst_member_type TO 'dashboard'@'%';
-- Only in SLiMS 9 and later: leave it out where there is no such table.
GRANT SELECT ON slims.loan_history TO 'dashboard'@'%';
-- Only in SLiMS 9.6 and later: leave it out where there is no such table.
GRANT SELECT ON slims.mst_visitor_room TO 'dashboard'@'%';
