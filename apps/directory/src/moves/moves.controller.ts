import { Body, Controller, Param } from '@nestjs/common';
import { Operation } from '../contract.ts';
import { MovesService } from './moves.service.ts';

@Controller()
export class MovesController {
  constructor(private readonly moves: MovesService) {}

  @Operation('StartMove')
  start(@Param('subdomain') subdomain: string, @Body() { to }: { to: string }) {
    return this.moves.start(subdomain, to);
  }

  @Operation('ListMoves')
  list(@Param('subdomain') subdomain: string) {
    return this.moves.list(subdomain);
  }

  @Operation('GetMove')
  get(@Param('moveId') moveId: string) {
    return this.moves.get(moveId);
  }

  @Operation('CancelMove')
  cancel(@Param('moveId') moveId: string) {
    return this.moves.cancel(moveId);
  }

  @Operation('ResumeMove')
  resume(@Param('moveId') moveId: string) {
    return this.moves.resume(moveId);
  }
}
