"""The connection on which each query of the ORM stands behind the wall that the thread's reach says (decision 19).

A query of the ORM within one business, or within none, runs as the wall's role, which PostgreSQL's row-level security
holds to the rows of `omega.business_id`. Within everything, and for omega's own SQL (omega_project/lib/sql.py, which
names its business itself), it runs as the login, which owns the tables and so is held by nothing.

A statement takes its wall along: the words that step behind it, the statement, and the words that step back are one
message, so that it costs no round trip, and PostgreSQL itself undoes it where the statement fails. What cannot be sent
so (a cursor on the server, COPY, many at once) moves the connection. Where it stands is remembered, and forgotten with
whatever may have moved it behind our back: a transaction or savepoint taken back, a failed commit, a new connection.
"""

from types import TracebackType
from typing import Any

import psycopg
import structlog
from django.conf import settings
from django.db import OperationalError
from django.db.backends.postgresql import base
from django.db.backends.utils import CursorWrapper
from django.db.utils import DatabaseErrorWrapper
from django.utils.functional import cached_property
from psycopg import errors
from psycopg.pq import ExecStatus, TransactionStatus

from omega_project.lib import reach

log = structlog.get_logger(__name__)
# Our own words and numbers alone are formatted into these: the settings let a plain name pass for a role.
_MAY = "SELECT FROM pg_catalog.pg_roles WHERE rolname = '{}' AND pg_catalog.pg_has_role(session_user, oid, 'MEMBER')"
_BEHIND = "SET LOCAL ROLE {}; SET LOCAL omega.business_id = '{}'; "
_BACK = "\n; SET LOCAL ROLE {}"
_STAND = "SET ROLE {}; SET omega.business_id = '{}'"
_STEP_BACK = "SET ROLE {}"
_DONE = frozenset({ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK})


# PostgreSQL files these under faults of the program. They say that this server takes no writes, or no more of this
# session: the database is away, and may be back elsewhere.
_GONE = (errors.ReadOnlySqlTransaction, errors.IdleInTransactionSessionTimeout, errors.TransactionTimeout)


class _Errors(DatabaseErrorWrapper):
    """Django's errors for psycopg's, with what a failover brings among the operational ones."""

    wrapper: "DatabaseWrapper"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, _GONE):
            self.wrapper.errors_occurred = self.wrapper.has_moved = True
            raise OperationalError(*error.args).with_traceback(trace) from error
        super().__exit__(kind, error, trace)


class _Standing(CursorWrapper):
    """A cursor of the ORM."""

    db: "DatabaseWrapper"

    def _execute(self, statement: Any, params: Any, *rest: Any) -> Any:
        reached, own = reach.current(), self.cursor
        if not (isinstance(statement, str) and isinstance(own, psycopg.ClientCursor)):
            self.db.stand(reached)
            return super()._execute(statement, params, *rest)  # type: ignore[misc]
        self.db.stand(reach.EVERYTHING)
        if reached.is_everything or not self.db.has_wall():
            return super()._execute(statement, params, *rest)  # type: ignore[misc]
        done = super()._execute(self.db.behind(reached, statement), params, *rest)  # type: ignore[misc]
        own.nextset()  # past the two that stepped behind
        own.nextset()
        return done

    def _executemany(self, statement: Any, params: Any, *rest: Any) -> Any:
        self.db.stand(reach.current())
        return super()._executemany(statement, params, *rest)  # type: ignore[misc]

    def copy(self, statement: Any, *rest: Any) -> Any:
        self.db.stand(reach.current())
        return self.cursor.copy(statement, *rest)


class _StandingLoudly(_Standing, base.CursorDebugWrapper):
    """The same where statements are counted."""


class DatabaseWrapper(base.DatabaseWrapper):
    """What `ENGINE` names."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stands: int | str | None = None
        self._has_wall: bool | None = None
        # The server at the other end takes no writes any more: another one may, and a new connection finds it.
        self.has_moved = False

    @cached_property
    def wrap_database_errors(self) -> DatabaseErrorWrapper:
        return _Errors(self)

    def is_usable(self) -> bool:
        return not self.has_moved and super().is_usable()

    def behind(self, reached: reach.Reach, statement: str) -> str:
        """The statement with the words around it that let it run within this reach."""
        before = _BEHIND.format(settings.DATABASE_WALL_ROLE, reached.business_id or "")
        return before + statement + _BACK.format(self._login())

    def stand(self, wanted: reach.Reach) -> None:
        """Let the next statement run with this reach. It costs a short call where the last one left another."""
        if self._stands == wanted.key:
            return
        if self.connection.pgconn.transaction_status == TransactionStatus.INERROR:
            return  # nothing runs but the way back, which is nobody's rows
        if not (wanted.is_everything or self.has_wall()):
            wanted = reach.EVERYTHING
        if self._stands != wanted.key:
            self._move(wanted)

    def _move(self, wanted: reach.Reach) -> None:
        """The business stays as it is on the way back: a cursor on the server may still be reading."""
        self._stands = None
        if wanted.is_everything:
            self._ask(_STEP_BACK.format(self._login()))
        else:
            self._ask(_STAND.format(settings.DATABASE_WALL_ROLE, wanted.business_id or ""))
        self._stands = wanted.key

    def _login(self) -> str:
        return str(self.settings_dict["OPTIONS"].get("assume_role") or "none")

    def has_wall(self) -> bool:
        """Whether this login may step behind the wall at all; where not, the log says so once a connection."""
        if self._has_wall is None:
            role = settings.DATABASE_WALL_ROLE
            self._has_wall = bool(role) and self._ask(_MAY.format(role)) > 0
            if not self._has_wall:
                log.warning("wall.missing", role=role)
        return self._has_wall

    def _ask(self, statement: str) -> int:
        """Run a statement of ours beneath psycopg's cursors, in a third of their time; how many rows it gave."""
        with self.wrap_database_errors:
            found = self.connection.pgconn.exec_(statement.encode())
            if found.status not in _DONE:
                raise psycopg.errors.error_from_result(found)
            return int(found.ntuples)

    def get_new_connection(self, conn_params: Any) -> Any:
        self._stands = self._has_wall = None
        self.has_moved = False
        return super().get_new_connection(conn_params)

    def make_cursor(self, cursor: Any) -> CursorWrapper:
        return _Standing(cursor, self)

    def make_debug_cursor(self, cursor: Any) -> base.CursorDebugWrapper:
        return _StandingLoudly(cursor, self)

    def _commit(self) -> None:
        if self.connection is not None and self.connection.pgconn.transaction_status == TransactionStatus.INERROR:
            self._stands = None
        super()._commit()  # type: ignore[misc]

    def _rollback(self) -> None:
        self._stands = None
        super()._rollback()  # type: ignore[misc]

    def _savepoint(self, sid: str) -> None:
        with reach.within(reach.EVERYTHING):  # it reads nothing, and must do in a transaction that has failed
            super()._savepoint(sid)  # type: ignore[misc]

    def _savepoint_commit(self, sid: str) -> None:
        with reach.within(reach.EVERYTHING):
            super()._savepoint_commit(sid)  # type: ignore[misc]

    def _savepoint_rollback(self, sid: str) -> None:
        with reach.within(reach.EVERYTHING):
            super()._savepoint_rollback(sid)  # type: ignore[misc]
        self._stands = None
