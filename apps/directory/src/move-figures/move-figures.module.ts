import { Module } from '@nestjs/common';
import { MoveFigures } from './move-figures.service.ts';

/** What operators are told of moves by figures, and by the alerts that read them. */
@Module({ providers: [MoveFigures] })
export class MoveFiguresModule {}
