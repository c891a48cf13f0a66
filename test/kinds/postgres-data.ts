/** A database with everything that a dump must bring back. */
export const shop = `
create schema audit;
create schema "Mixed ""Case"" $; ü";
create type mood as enum ('sad', 'ok', 'it''s "good"');
create type pair as (a int, b text);
create domain positive as int check (value > 0);
create table customers (id serial primary key, name text not null, mood mood default 'ok', born date,
  code varchar(10) check (code in ('a', 'b', 'c')), constraint named unique (name));
insert into customers (name, born, code) select 'Größe ' || i, date '2000-01-01' + i, 'a' from generate_series(1, 500) i;
create table orders (id bigint generated always as identity primary key, customer int not null references customers,
  total numeric(12, 2), doubled numeric generated always as (total * 2) stored, at timestamptz default now());
insert into orders (customer, total, at) select 1 + i % 500, i * 1.5, timestamptz '2024-01-01 00:00 UTC' + i * interval '1 hour' from generate_series(1, 1000) i;
create table "odd -- ""name"" $x; ü" ("col ""umn" int primary key, "select" text);
insert into "odd -- ""name"" $x; ü" values (1, E'tab\\there\\nline \\\\ back'), (2, null);
create table "Mixed ""Case"" $; ü"."-dash" (a int);
insert into "Mixed ""Case"" $; ü"."-dash" values (1);
create table types (a smallint, b int, c bigint, d numeric, e real, f double precision, g money, h char(5), i varchar, j text, k bytea,
  l timestamp, m timestamptz, n date, o time, p timetz, q interval, r boolean, s mood, t point, u box, v path, w polygon, x circle,
  y cidr, z inet, aa macaddr, ab bit(5), ac varbit, ad tsvector, ae tsquery, af uuid, ag xml, ah json, ai jsonb, aj int[], ak text[][],
  al int4range, am tstzrange, an pair, ao positive, ap oid, aq regclass, ar jsonpath, at int4multirange);
insert into types values (1, 2, 3, 'NaN', 'Infinity', 0.1::float8 + 0.2, 12.34, 'ab', 'v', 'te|xt', decode('00ff10805c', 'hex'),
  '2024-02-29 12:00', '2024-03-31 02:30 Europe/Berlin', '0044-03-15 BC', '12:00', '12:00+02', '1 year 2 mons -3 days', true, 'sad', '(1,2)',
  '(1,1),(0,0)', '((0,0),(1,1))', '((0,0),(1,1),(1,0))', '<(0,0),1>', '10.0.0.0/8', '::1', '08:00:2b:01:02:03', B'10101', B'1', 'a fat cat',
  'fat & cat', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '<a>x</a>', '{"a": 1}', '{"b": [1, null]}', '{1,NULL,3}', '{{a,b},{c,"d e"}}', '[1,5)',
  '[2024-01-01,)', '(1,"x y")', 5, 42, 'customers', '$.a', '{[1,3),[5,7)}');
create table logs (at date not null, line text) partition by range (at);
create table audit.logs_2024 partition of logs for values from ('2024-01-01') to ('2025-01-01');
create table logs_rest partition of logs default;
insert into logs values ('2024-05-05', 'a'), ('2030-01-01', 'b');
create index on logs (at);
create table cycle_a (id int primary key, b int);
create table cycle_b (id int primary key, a int references cycle_a);
alter table cycle_a add foreign key (b) references cycle_b;
insert into cycle_a values (1, null); insert into cycle_b values (1, 1); update cycle_a set b = 1;
create view totals as select customer, sum(total) as total from orders group by 1;
create view big_totals as select * from totals where total > 100;
create materialized view counted as select count(*) from orders;
create function touch() returns trigger language plpgsql as $$ begin new.name := trim(new.name); return new; end $$;
create trigger trimmed before insert or update on customers for each row execute function touch();
create index lower_name on customers (lower(name)) where id > 10;
create sequence tickets start 100 increment 5; select nextval('tickets'), nextval('tickets');
create table secret_rows (owner text, note text); alter table secret_rows enable row level security;
insert into secret_rows values ('a', 'b');
create policy own on secret_rows using (owner = current_user);
create unlogged table cache (a int); insert into cache values (1);
do $$ begin if not exists (select from pg_roles where rolname = 'app "user"') then create role "app ""user"""; create role reporting; end if; end $$;
grant select on customers to reporting; grant usage on schema audit to "app ""user""";
grant update (name) on customers to "app ""user""";
alter table orders owner to "app ""user""";
alter default privileges in schema public grant select on tables to reporting;
select lo_from_bytea(4711, decode('00ff00ff', 'hex')); select lo_from_bytea(4712, convert_to(repeat('large ', 100000), 'UTF8'));
comment on table customers is 'who buys';
`;
