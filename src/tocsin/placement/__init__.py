"""An enrolled placement, agent or gateway: its enrolment, its order, its journal and the road to its hub."""
